//! The policies that lie inside this binary: the repository's `policies/` folder, put there by the build script.

use blackbar_policy::load::{self, Embedded};

/// Every TOML file of the folder, by its path in it.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

/// The built-ins, as the policy crate reads them.
pub(crate) static BUILTINS: Embedded<'static> = Embedded(FILES);

/// The names under which they can be chosen, sorted.
pub(crate) fn names() -> Vec<String> {
    load::builtin_names(&BUILTINS)
}
