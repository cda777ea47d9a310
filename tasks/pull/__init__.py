"""Download the weights of model cards."""

from tasks.pull.pull import pull
from tasks.pull.pull_plan import PullPlan, plan_pull

__all__ = ["PullPlan", "plan_pull", "pull"]
