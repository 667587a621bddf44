//! Oracles: the [reference meaning](mod@reference) of a policy, [generators](generate) of policies and haystacks that are made to go
//! wrong, suites of [semantics as data](suite), and the [bodies of the fuzz targets](targets). Tests all over the workspace use them.
#![forbid(unsafe_code)]

pub mod carriers;
pub mod choices;
pub mod coding;
pub mod formats;
pub mod generate;
pub mod oracle;
pub mod reference;
pub mod suite;
pub mod targets;
