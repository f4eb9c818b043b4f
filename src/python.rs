//! Python distributions: what wheels and projects lay, and which of a lock's wheels are for a target.
//!
//! A wheel is a zip with rules, the
//! [binary distribution format](https://packaging.python.org/en/latest/specifications/binary-distribution-format/).
//! Nothing is run: a distribution becomes files with contents, and where they go is a [`Scheme`]. Knows no spec and no
//! registry.

mod distribution;
mod group;
mod interpreter;
mod lock;
mod marker;
mod name;
mod project;
mod record;
mod remembered;
mod replaced;
mod scheme;
mod select;
mod specifier;
mod tags;
mod target;
mod wheel;
mod zip;

pub use distribution::{Conflict, Distribution, DistributionFile, conflict};
pub use group::{Group, MOST_LAYERS, Split, Weight, group};
pub use interpreter::{Interpreter, find_libc};
pub use lock::{Extras, LocalProject, Lock, LockError, LockedFiles, LockedPackage, LockedWheel};
pub use marker::{Environment, Marker};
pub use name::{WheelName, normalise_name};
pub use project::{Project, ProjectError};
pub use remembered::{Laid, Remembered, Replacement, wheel_id};
pub use replaced::{Old, compacted, metadata_name};
pub use scheme::Scheme;
pub use select::{Refusal, best};
pub use tags::Tag;
pub use target::{Libc, PythonVersion, Target};
pub use wheel::{Wheel, WheelError, WheelFile};
