# The collector's image with client files in it, for tasks without a folder of ours: deploy/build_collector.sh makes
# its context. Of the volumes an engine takes over whose they are, so that a root that cannot be written is enough.
ARG COLLECTOR=footfall-collector:latest
FROM ${COLLECTOR}
COPY clients /etc/footfall/clients
VOLUME ["/var/lib/footfall", "/tmp"]
