//! What the end of a chunk must not change: cases that the random tests of `oracle.rs` found.

use blackbar_engine::Place;
use blackbar_fuzz::oracle::{Subject, every_split};

#[track_caller]
fn agrees(rule: &str, haystack: &[u8]) {
    let toml = format!(
        "[pack]\nid = \"a\"\ntitle = \"Chunks\"\n[[rule]]\nid = \"a.a\"\ndescription = \"x\"\nsource = \"none\"\nconfidence = \"medium\"\n{rule}"
    );
    let subject = Subject::from_toml(&toml).expect("the rule compiles");
    let splits = every_split(haystack.len());
    if let Err(difference) = subject.check(haystack, Place::Text, &splits) {
        panic!("{difference}");
    }
}

/// The longer beginning is told apart by five bytes, the shorter one by three: cut after the fourth, both must wait.
#[test]
fn the_first_of_two_starts_wins_where_its_window_is_cut_off() {
    agrees(
        "pattern = '(?<secret>(?:[0-9]|k1))==\\w[ab]k1'\nleft = \"none\"\nright = \"none\"\n",
        b"\x00xaabafoobarbar7 k1==bbk1",
    );
}

/// Keywords are looked for before runs that got long enough. Of one that does so with the last bytes of a haystack the first pass tells
/// nothing.
#[test]
fn values_are_found_that_get_long_enough_where_the_haystack_ends() {
    let value = "k3j9x2m7q4w8e1r5t6";
    for end in 15..=value.len() {
        for (before, behind) in [
            ("token=", ""),
            ("a token: ", " "),
            ("-token=", ". "),
            ("", ""),
        ] {
            let haystack = format!("{before}{}{behind}", &value[..end]);
            agrees(
                "keyed = { keywords = [\"token\"], value = '[a-z0-9]{16,40}' }\n",
                haystack.as_bytes(),
            );
        }
    }
}

/// Where all rules find by their words, no window says how far from the end of a piece starts have to wait. The word may be the last that
/// came.
#[test]
fn a_word_at_the_end_of_a_piece_is_read() {
    for haystack in ["ci=4719", "a ci: 4719 b", "x ci=4719"] {
        agrees(
            "pattern = '[0-9]{4}'\ncontext = { keywords = [\"ci\"], within = 8 }\n",
            haystack.as_bytes(),
        );
    }
}
