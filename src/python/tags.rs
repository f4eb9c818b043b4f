//! Tags: which interpreters, ABIs and platforms a wheel is for
//! ([compatibility tags](https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/)).

/// One tag of a wheel: `cp312-cp312-manylinux_2_17_x86_64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// The interpreter: `cp312`, `py3`.
    pub python: String,
    /// The ABI: `cp312`, `abi3`, `none`.
    pub abi: String,
    /// The platform: `manylinux_2_17_x86_64`, `any`.
    pub platform: String,
}
