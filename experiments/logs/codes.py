"""What the codes of denials mean."""

FLEXNET = {
    "-4": "all licenses are in use",
    "-5": "no such feature exists",
    "-9": "the host is not the one that the license is for",
    "-10": "the feature has expired",
    "-18": "the server does not support this feature",
    "-24": "others are waiting in the queue",
    "-25": "the server does not support this version",
    "-26": "more licenses were asked for than there are",
    "-38": "the user or host is on an EXCLUDE list",
    "-39": "the user or host is not on an INCLUDE list",
    "-92": "the feature was removed as the license file was read again",
}
RLM = {
    "-22": "all licenses are in use",
    "-22 again": "all licenses are in use, and the client said that it would try again: no true denial",
}
NO_CODE = "no reason is given: taken for want of licenses"
OTHER = "as the server says"


def meaning(detail: str | None) -> str:
    """Return what the detail of a denial means."""
    if detail is None:
        return NO_CODE
    return RLM.get(detail) or FLEXNET.get(detail.partition(",")[0]) or OTHER
