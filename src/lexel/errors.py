"""Every error that lexel raises on purpose.

    LexelError                 exit · HTTP
    ├─ PictureError              3 · 422   a picture that cannot be read
    │  ├─ UnknownFormat          3 · 415   the content is no picture that lexel reads
    │  ├─ Truncated              3 · 422   the file ends before its container does
    │  ├─ Corrupt                3 · 422   the decoder gave up
    │  ├─ TooManyPixels          3 · 413   more pixels than the limit, said by the header
    │  ├─ TooLarge               3 · 413   more encoded bytes than the limit
    │  ├─ TooManyFrames          3 · 422   more frames than the caller allows
    │  └─ MetadataTooLarge       3 · 422   text or profile chunks that unpack without end
    ├─ ArchiveError              3 · 422   a tar or zip that cannot be read
    │  ├─ EmptyArchive           3 · 422   no regular member in it
    │  ├─ ArchiveTooLarge        3 · 422   a member or the whole unpacks beyond the limit
    │  └─ BadArchive             3 · 422   broken or cut
    ├─ DataError                 3 · 422   a data set that cannot be opened, or nothing of it read
    ├─ TokensError               3 · 422   a tokens file or value breaks its rules
    ├─ PipelineError             2 · 400   a pipeline that cannot be built
    │  ├─ UnknownName            2 · 404   no method, model or file of that name
    │  ├─ BadArguments           2 · 400   arguments that the stage does not take
    │  ├─ MissingNeed            2 · 400   a selector needs what nobody kept
    │  └─ SpaceMismatch          2 · 409   two values of different spaces
    ├─ LoadError                 1 · 500   a model that cannot be loaded
    │  ├─ UnknownLayout          1 · 500   no known family fits config and keys
    │  ├─ MissingKeys            1 · 500   tensors that the layout needs are not there
    │  ├─ WrongShape             1 · 500   a tensor of another shape
    │  └─ UnsafeFile             1 · 500   a file that would run code
    ├─ TrainingError             1 · 500   a training run that cannot go on
    ├─ UnknownModel              2 · 404   a language model that `cost` does not know
    ├─ MissingExtra              4 · 501   an optional dependency is not installed
    ├─ Offline                   5 · 503   the network is needed and off
    ├─ OutputError              74 · 507   the output could not be written
    └─ NoMatch                   1 · 200   nothing found

`exit` is what a command returns, `status` what the server answers. A message names its `subject`
(the file, or `archive!member`) and never an address, a stack or a path of the server. The class names
stand in accounting files: they are public and do not change.
"""


class LexelError(Exception):
    """Base of all. `reason` is the sentence, `subject` the input that it is about, `hint` what to do."""

    exit: int = 1
    status: int = 500

    def __init__(self, reason: str, *, subject: str = "", hint: str = "") -> None:
        super().__init__(reason, subject, hint)
        self.reason = reason
        self.subject = subject
        self.hint = hint

    def __str__(self) -> str:
        sentence = f"{self.subject}: {self.reason}" if self.subject else self.reason
        return f"{sentence}\n{self.hint}" if self.hint else sentence

    def about(self, subject: str) -> "LexelError":
        """The same error with its subject named; a subject that is already there stays."""
        self.subject = self.subject or subject
        return self


class PictureError(LexelError):
    """A picture that cannot be read."""

    exit, status = 3, 422


class UnknownFormat(PictureError):
    """The content is no picture that lexel reads, whatever the file is called."""

    status = 415


class Truncated(PictureError):
    """The end marker of the container is missing."""


class Corrupt(PictureError):
    """The decoder gave up."""


class TooManyPixels(PictureError):
    """The header claims more pixels than the limit; nothing was decoded."""

    status = 413


class TooLarge(PictureError):
    """More encoded bytes than the limit; nothing was decoded."""

    status = 413


class TooManyFrames(PictureError):
    """More frames than the caller allows."""


class MetadataTooLarge(PictureError):
    """Text or profile chunks that unpack beyond the limit."""


class ArchiveError(LexelError):
    """A tar or zip that cannot be read."""

    exit, status = 3, 422


class EmptyArchive(ArchiveError):
    """No regular member in it."""


class ArchiveTooLarge(ArchiveError):
    """A member, or the whole, unpacks beyond the limit."""


class BadArchive(ArchiveError):
    """Broken or cut; the members before the break stay."""


class DataError(LexelError):
    """A data set that cannot be opened, or of which nothing can be read."""

    exit, status = 3, 422


class TokensError(LexelError):
    """A tokens file or value breaks its rules."""

    exit, status = 3, 422


class PipelineError(LexelError):
    """A pipeline that cannot be built."""

    exit, status = 2, 400


class UnknownName(PipelineError):
    """No method, model or file of that name; the hint offers the nearest."""

    status = 404


class BadArguments(PipelineError):
    """Arguments that the stage does not take, or a text that is no pipeline."""


class MissingNeed(PipelineError):
    """A selector needs evidence that nobody kept; the hint names the setting that keeps it."""


class SpaceMismatch(PipelineError):
    """Two values of different spaces cannot be joined or compared."""

    status = 409


class LoadError(LexelError):
    """A model that cannot be loaded."""

    exit, status = 1, 500


class UnknownLayout(LoadError):
    """No known family fits config and keys."""


class MissingKeys(LoadError):
    """Tensors that the layout needs are not there."""


class WrongShape(LoadError):
    """A tensor of another shape than the config says."""


class UnsafeFile(LoadError):
    """A file that would run code when it is opened (pickles)."""


class TrainingError(LexelError):
    """A training run that cannot go on. Its checkpoints stay."""


class UnknownModel(LexelError):
    """A language model that `cost` does not know; never a guess."""

    exit, status = 2, 404


class MissingExtra(LexelError):
    """An optional dependency is not installed; the hint names the extra."""

    exit, status = 4, 501


class Offline(LexelError):
    """The network is needed and off."""

    exit, status = 5, 503


class OutputError(LexelError):
    """Disk full, no permission; what was committed stays."""

    exit, status = 74, 507


class NoMatch(LexelError):
    """Nothing found."""

    exit, status = 1, 200
