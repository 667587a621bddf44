//! Words before a match: short ones, in front of every byte.

use blackbar_engine::Place;
use blackbar_fuzz::oracle::{Subject, every_split};

#[test]
fn short_words_stand_before_every_byte() {
    let toml = "[pack]\nid = \"a\"\ntitle = \"Words\"\n[[rule]]\nid = \"a.a\"\ndescription = \"x\"\nsource = \"none\"\nconfidence = \"medium\"\n\
                pattern = '[0-9]{6}'\ncontext = { keywords = [\"ci\", \"nr\", \"c.i\"], within = 20, reach = \"line\", whole = true }\n";
    let subject = Subject::from_toml(toml).expect("the rule compiles");
    for word in ["ci", "Nr", "c.i"] {
        for byte in 0..=255u8 {
            let mut haystack = Vec::from(b"a ".as_slice());
            haystack.extend(word.bytes());
            haystack.extend([byte, 0xa0]);
            haystack.extend(b"123456 b");
            if let Err(difference) =
                subject.check(&haystack, Place::Text, &every_split(haystack.len()))
            {
                panic!("{word} before {byte:#x}: {difference}");
            }
        }
    }
}
