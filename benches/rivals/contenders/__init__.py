"""The tools that do the work, by the names that columns have."""

from .buildah import Buildah
from .buildkit import Buildkit, BuildkitPlain, BuildkitZstd
from .crane import Crane, CraneStream
from .kaniko import Kaniko
from .tarsia import Tarsia, TarsiaAssumed, TarsiaZstd

ALL = {
    kind.name: kind
    for kind in (
        Tarsia,
        TarsiaAssumed,
        TarsiaZstd,
        Buildkit,
        BuildkitPlain,
        BuildkitZstd,
        Crane,
        CraneStream,
        Kaniko,
        Buildah,
    )
}
