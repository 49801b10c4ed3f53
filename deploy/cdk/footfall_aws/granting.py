"""Roles by statements that each have their reason, which cdk-nag is told where a name has an asterisk."""

from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam


@dataclass(frozen=True)
class Grant:
    """What is allowed, on what, and why. Resources are literal: no bucket of another stack's by reference."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    why: str


def grant(stack: cdk.Stack, role: iam.Role, grants: Mapping[str, Grant]) -> None:
    """Add statements to a role, by their ids."""
    for name, each in grants.items():
        role.add_to_policy(
            iam.PolicyStatement(sid=name, actions=list(each.actions), resources=list(each.resources))
        )
        explain(stack, each.resources, each.why)


def explain(stack: cdk.Stack, resources: tuple[str, ...], why: str) -> None:
    """Why each of these resources has an asterisk."""
    for resource in resources:
        if "*" in resource:
            rule = f"AwsSolutions-IAM5[Resource::{_shown(stack, resource)}]"
            cdk.Validations.of(stack).acknowledge(cdk.Acknowledgment(id=rule, reason=why))


def _shown(stack: cdk.Stack, resource: str) -> str:
    """A resource as cdk-nag writes it: of account and region that are not known yet the names."""
    for value, name in ((stack.account, "AWS::AccountId"), (stack.region, "AWS::Region")):
        if cdk.Token.is_unresolved(value):
            resource = resource.replace(value, f"<{name}>")
    return resource
