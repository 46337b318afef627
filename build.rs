//! Has the linker pack the addresses that a position-independent program corrects at its start (DT_RELR): 130 KB less of the binary.
//!
//! Only where the C library knows how to unpack them, which glibc does since 2.36; elsewhere nothing changes. A program built
//! so asks for such a glibc where it runs.
#![expect(clippy::disallowed_methods, reason = "cargo speaks to it by the environment")]

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let gnu = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    // Of another machine's library nothing can be asked.
    let native = env::var("HOST").ok() == env::var("TARGET").ok();
    if gnu && native && glibc().is_some_and(|version| version >= (2, 36)) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's glibc, as `getconf` tells it: `glibc 2.36`.
fn glibc() -> Option<(u32, u32)> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
