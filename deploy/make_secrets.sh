#!/bin/sh
# Random secrets of deploy/compose.yaml, once: what is there stays. Nobody else reads the folder.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
if [ ! -s secrets/postgres-password ]; then
  password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
  printf '%s' "$password" > secrets/postgres-password
  printf 'postgresql://footfall:%s@postgres:5432/footfall' "$password" > secrets/postgres-url
  echo "made deploy/secrets: the password of Dagster's database"
fi
# Containers run as another user, and reach these two files alone.
chmod 444 secrets/postgres-password secrets/postgres-url
