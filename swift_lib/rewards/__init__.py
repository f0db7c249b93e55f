"""Rewards: functions that score a reply (`orms`)."""

from swift_lib.rewards.base import ORM, AsyncORM
from swift_lib.rewards.mapping import orms

__all__ = ["ORM", "AsyncORM", "orms"]
