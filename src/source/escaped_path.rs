//! A path in JSON: what is not UTF-8 escaped as in a manifest. For `#[serde(with)]`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize as _, Deserializer, Serializer};

use crate::archive::escape::{escape, unescape};

pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&escape(path.as_os_str().as_bytes()))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    let bytes = unescape(&text).ok_or_else(|| serde::de::Error::custom("a path that is not escaped properly"))?;
    Ok(OsString::from_vec(bytes).into())
}
