"""Faults that a user can mend, each worded as one sentence."""


class InputError(Exception):
    """Something the user gave cannot be used; the message says what is wrong and what to do."""


class OutputError(InputError):
    """A result could not be written; what was there before is untouched."""


class Interrupted(Exception):  # noqa: N818 (nothing went wrong)
    """Long work was stopped by the user; the message says what was kept."""


class ImageError(InputError):
    """A file is not an image that can be used.

    Attributes:
        code: stable, for programs; the message is for people.
        slices: how many slices the file holds, in all its volumes, where one of them has to be chosen.
        volumes: how many volumes they are of, one behind the other.
    """

    def __init__(
        self, code: str, message: str, *, slices: int | None = None, volumes: int = 1
    ) -> None:
        super().__init__(message)
        self.code = code
        self.slices = slices
        self.volumes = volumes

    @property
    def proposed(self) -> int | None:
        """The middle slice, counted from 1, where one has to be chosen; of the middle volume."""
        if self.slices is None:
            return None
        each = self.slices // self.volumes
        return (self.volumes - 1) // 2 * each + (each + 1) // 2
