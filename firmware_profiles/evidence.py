"""What a profile rests on: the kinds of bytes in its golden log, section by section, and its table of manual values. Pure: callers read them."""

from __future__ import annotations

from dataclasses import dataclass

# First words of a section's first comment -> what its bytes are. All of these were made without our codecs and without our virtual devices.
CAPTURED, PRINTED, COMPUTED = "# public capture", "# manual", "# by hand"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Counts. `captured`: log sections of bytes others published; `printed`: values at a manual's addresses; `computed`: log sections worked out
    from the standard; `simulated`: log sections of the virtual device."""

    captured: int = 0
    printed: int = 0
    computed: int = 0
    simulated: int = 0

    @property
    def independent(self) -> int:
        """What owes nothing to our own virtual devices."""
        return self.captured + self.printed + self.computed


def evidence_in(log: str, table: str = "") -> Evidence:
    """Count what a golden log holds, whose sections are parted by empty lines, and the rows of a manual table below its head."""
    counts = dict.fromkeys((CAPTURED, PRINTED, COMPUTED), 0)
    simulated = 0
    for section in filter(None, (part.strip() for part in log.split("\n\n"))):
        kind = next((kind for kind in counts if section.startswith(kind)), None)
        if kind is not None:
            counts[kind] += 1
        elif "\n>" in section:
            simulated += 1
    rows = [line for line in table.splitlines() if line.strip() and not line.startswith("#")]
    return Evidence(counts[CAPTURED], counts[PRINTED] + max(0, len(rows) - 1), counts[COMPUTED], simulated)


def is_independent(comment: str) -> bool:
    """Whether a section that begins with this comment (without its #) holds bytes made elsewhere."""
    return f"# {comment}".startswith((CAPTURED, PRINTED, COMPUTED))
