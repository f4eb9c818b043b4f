//! Schemes: where the parts of a distribution go.

/// Where the parts of a distribution go in the image: the paths of
/// [`sysconfig`](https://docs.python.org/3/library/sysconfig.html#installation-paths), in an entry's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// `purelib`.
    pub pure: Box<[u8]>,
    /// `platlib`.
    pub platform: Box<[u8]>,
    /// `scripts`.
    pub scripts: Box<[u8]>,
    /// `data`; may be empty, which is the root.
    pub data: Box<[u8]>,
    /// What `headers` of each distribution lie below, in a directory of its name.
    pub headers: Box<[u8]>,
    /// The interpreter that scripts are for, as their first line names it: `/var/lang/bin/python3.12`.
    pub interpreter: String,
}
