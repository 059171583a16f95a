"""A line of the benchmarks' table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table."""

    what: str
    goal: float
    figure: float
    detail: str
    check: str
    at_least: bool = False

    def row(self) -> dict[str, str]:
        """The line as text."""
        is_met = self.figure >= self.goal if self.at_least else self.figure <= self.goal
        has_goal = self.goal != float("inf")
        met = ("met" if is_met else "NOT MET") if has_goal else ""
        goal = "none" if not has_goal else f"{'≥' if self.at_least else '≤'} {self.goal:.2f}"
        return {
            "what": self.what, "goal": goal, "figure": f"{self.figure:.2f}", "": met,
            "detail": self.detail, "correctness": self.check,
        }  # fmt: skip
