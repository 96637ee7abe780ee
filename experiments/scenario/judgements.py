"""What is compared, and what is expected: the tables of a scenario file that judge its results."""

from typing import Annotated, Literal

from pydantic import Field

from .values import Allowed, Confidence, Name, Signed, Table


class Compare(Table):
    """What is compared: in every case each arm with one of them, replication by replication.

    Where there are no arms, it is the cases without a symptom.
    """

    baseline: Name | None = Field(
        default=None,
        description="Name of the arm (without arms: the case) that the others are compared with; else the first.",
    )
    metrics: Annotated[Literal["auto"] | tuple[Name, ...], Allowed('"auto" or a list of metrics')] = Field(
        default="auto",
        description="Metrics that are compared, named as in expectations; auto: a few, those of them that "
        "apply in the case; []: none.",
    )
    confidence: Confidence = Field(
        default=0.95, description="Confidence of the intervals of differences, and of those of expectations."
    )


class Expect(Table):
    """What must hold of the results; where it does not, the command ends with status 5.

    One that names no arm must hold in every arm, and one that names no case in every case.
    """

    name: Name | None = Field(default=None, description="Its name, which no other of the list has.")
    metric: Name = Field(
        description="Metric of the summary that it is about; groups.NAME.METRIC: that of a group of clients.",
        examples=["abnormal_denial_fraction"],
    )
    arm: Name | None = Field(default=None, description="Name of the arm that it is about; without: every one.")
    case: Name | None = Field(default=None, description="Name of the case that it is about; without: every one.")
    on: Annotated[Literal["mean", "interval", "difference"], Allowed()] = Field(
        default="mean",
        description="mean: that of the replications; interval: all of the mean's; difference: all of the interval "
        "of the difference to compare.baseline, paired by replication.",
    )
    op: Annotated[Literal["<", "<=", ">", ">=", "==", "!="], Allowed()] = Field(
        description='How that compares with the value. "==": of a mean only; "!=": an interval that lacks it.',
        examples=["<"],
    )
    value: Signed = Field(description="What it is held to.", examples=[0.05])
