//! The policies that lie inside this binary: the repository's `policies/` folder and what it compiles to, put there by the build
//! script.

use std::path::Path;

use blackbar_policy::load::{self, Embedded};

/// Two tables: `FILES`, every TOML file of the folder by its path in it, and `ARTIFACTS`, what each built-in compiles to by its name.
mod made {
    include!(concat!(env!("OUT_DIR"), "/builtins.rs"));
}

/// The built-ins, as the policy crate reads them.
pub(crate) static BUILTINS: Embedded<'static> = Embedded(made::FILES);

/// The names under which they can be chosen, sorted.
pub(crate) fn names() -> Vec<String> {
    load::builtin_names(&BUILTINS)
}

/// The artifact of a built-in, unless the name means a pack's folder here: that is what the policy crate prefers as well.
pub(crate) fn artifact(name: &str) -> Option<&'static [u8]> {
    if Path::new(name).join("policy.toml").is_file() {
        return None;
    }
    embedded(name)
}

/// The artifact of a built-in, whatever lies in the folder here.
pub(crate) fn embedded(name: &str) -> Option<&'static [u8]> {
    made::ARTIFACTS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, artifact)| *artifact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use blackbar_engine::Engine;
    use blackbar_policy::Policy;

    #[test]
    fn every_built_in_has_an_artifact_that_loads() {
        assert!(!names().is_empty());
        for name in names().iter().filter(|name| !name.contains('/')) {
            let engine =
                Engine::load(artifact(name).unwrap_or_else(|| panic!("{name} has no artifact")))
                    .unwrap();
            assert_eq!(engine.policy_id(), name.as_str());
        }
    }

    #[test]
    fn compiling_again_gives_the_same_bytes() {
        let policy = Policy::load("pii", &BUILTINS).unwrap();
        let compiled = blackbar_compiler::compile(&policy).unwrap();
        assert!(
            Some(compiled.artifact.as_slice()) == artifact("pii"),
            "compiling is not deterministic"
        );
    }
}
