//! Every section and key that exists: the one table that says what is known, and what is known but not built yet.
//!
//! A key that the daemon would read and then ignore is a false promise. So what belongs to the product but not to this
//! version stands here too, and is refused by name.

/// How a section is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `[name]`, once.
    Table,
    /// `[[name]]`, as often as needed.
    List,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// It is read.
    Read,
    /// This version cannot honour it.
    NotYet,
}

/// A key of a section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) support: Support,
}

/// A section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// Empty where the whole section is not supported yet.
    pub(super) keys: &'static [Key],
}

impl Section {
    pub(super) const fn support(&self) -> Support {
        if self.keys.is_empty() { Support::NotYet } else { Support::Read }
    }
}

const fn read(name: &'static str) -> Key {
    Key { name, support: Support::Read }
}

const fn table(name: &'static str, keys: &'static [Key]) -> Section {
    Section { name, form: Form::Table, keys }
}

/// The sections, in the order of the shipped file.
pub(super) const SECTIONS: &[Section] = &[
    table("daemon", &[read("state_dir"), read("socket"), read("timezone")]),
    table(
        "backup",
        &[
            read("dir"),
            read("compression"),
            read("compression_level"),
            read("threads"),
            read("min_free"),
            read("keep_replaced"),
            read("full_every"),
        ],
    ),
    Section {
        name: "source",
        form: Form::List,
        keys: &[
            read("name"),
            read("type"),
            read("path"),
            read("exclude"),
            read("one_file_system"),
            read("url"),
            read("restore_url"),
            read("maintenance_db"),
            read("run_as"),
            read("include_roles"),
            read("include_role_passwords"),
            read("rpo"),
            read("rto"),
        ],
    },
    table("objectives", &[read("rpo"), read("rto")]),
    table(
        "hooks",
        &[
            read("before_backup"),
            read("after_backup"),
            read("stop_application"),
            read("start_application"),
            read("probe"),
            read("after_restore"),
        ],
    ),
    table("access", &[read("admin"), read("operator"), read("viewer")]),
    table(
        "retention",
        &[
            read("keep_last"),
            read("keep_hourly"),
            read("keep_daily"),
            read("keep_weekly"),
            read("keep_monthly"),
            read("keep_yearly"),
            read("keep_within"),
            read("keep_safety"),
            read("max_total_size"),
            read("trash"),
        ],
    ),
    Section {
        name: "schedule",
        form: Form::List,
        keys: &[
            read("name"),
            read("cron"),
            read("timezone"),
            read("job"),
            read("scope"),
            read("sources"),
            read("mode"),
            read("which"),
            read("catch_up"),
            read("jitter"),
        ],
    },
    table(
        "alerts",
        &[read("contact"), read("missing_backup_after"), read("low_disk"), read("remind_every"), read("email_on")],
    ),
    table(
        "email",
        &[
            read("host"),
            read("port"),
            read("tls"),
            read("user"),
            read("password_file"),
            read("ca_file"),
            read("from"),
            read("from_name"),
            read("admins"),
            read("notify_after_restore"),
            read("users"),
        ],
    ),
    Section {
        name: "webhook",
        form: Form::List,
        keys: &[read("name"), read("url"), read("url_file"), read("format"), read("on"), read("heartbeat")],
    },
];

/// The section called `name`.
pub(super) fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}

/// The names of `keys` that are read.
pub(super) fn read_names(keys: &'static [Key]) -> impl Iterator<Item = &'static str> {
    keys.iter().filter(|key| key.support == Support::Read).map(|key| key.name)
}
