//! Errors: each station has its own; this one joins them and says whose fault it is.

/// Whose fault an error is, and with it the exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The user's input: a spec, a flag, a missing file. Exit code 2.
    Input,
    /// A registry, the network, a credential. Exit code 3.
    Remote,
    /// This machine: its disk, its permissions. Exit code 4.
    Local,
}

impl Class {
    /// The program's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Class::Input => 2,
            Class::Remote => 3,
            Class::Local => 4,
        }
    }
}
