//! Differences: in what two entries of one path differ, and what does not count.

use std::sync::Arc;

use crate::image::{Form, Member, MemberKind};

/// A kind of difference that may be told not to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignore {
    /// Times: of entries, of the image and of its history.
    Time,
    /// Owners and groups.
    Owner,
    /// Permission bits.
    Mode,
}

impl Ignore {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Ignore::Time => "time",
            Ignore::Owner => "owner",
            Ignore::Mode => "mode",
        }
    }
}

/// What is compared of two entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measure {
    /// Times do not count.
    pub ignore_time: bool,
    /// Owners do not count.
    pub ignore_owner: bool,
    /// Modes do not count.
    pub ignore_mode: bool,
    /// Only what an unpacked image shows counts: how a tar stream says it does not, and symlinks have no mode.
    pub unpacked: bool,
}

impl Measure {
    /// All but these.
    pub fn without(ignored: &[Ignore]) -> Measure {
        Measure {
            ignore_time: ignored.contains(&Ignore::Time),
            ignore_owner: ignored.contains(&Ignore::Owner),
            ignore_mode: ignored.contains(&Ignore::Mode),
            unpacked: false,
        }
    }

    /// What an unpacked image shows, its times aside.
    pub fn unpacked(self) -> Measure {
        Measure { ignore_time: true, unpacked: true, ..self }
    }

    /// Whether something does not count.
    pub fn ignores(&self) -> bool {
        self.ignore_time || self.ignore_owner || self.ignore_mode
    }
}

/// In what two entries of one path differ, the weightiest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Only the right side has it.
    Added,
    /// Only the left side has it.
    Removed,
    /// What is there.
    Kind,
    /// The content of the file.
    Content,
    /// Where the link points.
    Link,
    /// The numbers of the device.
    Device,
    /// The permission bits.
    Mode,
    /// Owner or group, by number.
    Owner,
    /// Extended attributes.
    Attributes,
    /// The time.
    Time,
    /// The names of owner or group.
    OwnerNames,
    /// How the tar stream says the same.
    TarForm,
}

impl What {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            What::Added => "added",
            What::Removed => "removed",
            What::Kind => "kind",
            What::Content => "content",
            What::Link => "link",
            What::Device => "device",
            What::Mode => "mode",
            What::Owner => "owner",
            What::Time => "time",
            What::Attributes => "xattrs",
            What::OwnerNames => "owner names",
            What::TarForm => "tar form",
        }
    }

    /// Whether it is a matter of how a tar stream is written, and of nothing that unpacking would show.
    pub fn is_of_form(self) -> bool {
        matches!(self, What::OwnerNames | What::TarForm)
    }

    /// Whether it is a matter of what is there, and not only of what is written beside it.
    pub fn is_of_content(self) -> bool {
        matches!(self, What::Added | What::Removed | What::Kind | What::Content | What::Link | What::Device)
    }
}

/// An entry on one side.
#[derive(Debug, Clone)]
pub struct Found {
    /// The entry.
    pub member: Arc<Member>,
    /// The place of the layer that put it there, if whole images are compared.
    pub layer: Option<usize>,
}

/// A path that is not the same on both sides.
#[derive(Debug, Clone)]
pub struct FileDifference {
    /// The path below the root; empty for the root itself.
    pub path: Box<[u8]>,
    /// In what it differs.
    pub what: Vec<What>,
    /// What the left side has.
    pub left: Option<Found>,
    /// What the right side has.
    pub right: Option<Found>,
}

/// In what two entries of one path differ, as far as it counts; and whether anything does that does not.
pub fn between(left: &Member, right: &Member, measure: Measure) -> (Vec<What>, bool) {
    let mut what = Vec::new();
    let mut ignored = false;
    let mut see = |differs: bool, aspect: What, counts: bool| {
        if differs && counts {
            what.push(aspect);
        }
        ignored |= differs && !counts;
    };
    if left.kind != right.kind {
        see(true, What::Kind, true);
    } else {
        see((left.size, left.digest) != (right.size, right.digest), What::Content, true);
        see(left.link != right.link, What::Link, true);
        see(left.device != right.device, What::Device, true);
    }
    let has_mode = !(measure.unpacked && left.kind == MemberKind::Symlink && right.kind == MemberKind::Symlink);
    see(left.mode != right.mode, What::Mode, has_mode && !measure.ignore_mode);
    see((left.uid, left.gid) != (right.uid, right.gid), What::Owner, !measure.ignore_owner);
    see(left.time != right.time, What::Time, !measure.ignore_time);
    see(left.attributes != right.attributes, What::Attributes, true);
    if !Arc::ptr_eq(&left.form, &right.form) && left.form != right.form {
        let (left, right) = (&*left.form, &*right.form);
        see((&left.user, &left.group) != (&right.user, &right.group), What::OwnerNames, {
            !measure.ignore_owner && !measure.unpacked
        });
        see(is_written_otherwise(left, right, measure), What::TarForm, !measure.unpacked);
    }
    (what, ignored)
}

/// Whether the forms differ in what neither times nor owners explain where those do not count.
fn is_written_otherwise(left: &Form, right: &Form, measure: Measure) -> bool {
    let fixed = |form: &Form| (form.format, form.long_names, form.prefix, form.slash, form.header.clone());
    let records = |form: &Form| -> Vec<String> {
        form.records(!measure.ignore_time, !measure.ignore_owner).map(str::to_owned).collect()
    };
    fixed(left) != fixed(right) || records(left) != records(right)
}
