"""Base of every validated document type, and the name every document gives in both languages."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """Base of every validated document type: frozen, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, use_enum_values=False)


class Text(Record):
    """A name in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
