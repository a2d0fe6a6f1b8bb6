//! What the tests stand on: a world with a clinic in it, the programs run in that world, and trees that can be compared.

pub(crate) mod clinic;
pub(crate) mod daemon;
pub(crate) mod database_image;
pub(crate) mod disks;
pub(crate) mod evil;
pub(crate) mod http_sink;
#[cfg(feature = "failpoints")]
pub(crate) mod machine;
pub(crate) mod mount;
#[cfg(feature = "failpoints")]
pub(crate) mod pause;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod rust_paths;
pub(crate) mod smtp;
pub(crate) mod tree_diff;
pub(crate) mod tree_image;
pub(crate) mod tree_zoo;
pub(crate) mod unprivileged;
pub(crate) mod wait;
pub(crate) mod world;

pub(crate) use tree_image::TreeImage;
pub(crate) use world::World;
