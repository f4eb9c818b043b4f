//! Golden digests: the bytes that every machine gets. A change here is a change of format, and needs a reason in the
//! commit that makes it.

mod bytes;
mod family;
