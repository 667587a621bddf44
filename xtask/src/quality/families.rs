//! The list of providers and kinds of personal data that public tools cover (`families.md` of the corpus), held against the rules:
//! each that at least three of them cover has a rule here, or a reason why it has none. Results are not measured here.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::workspace::root;

/// From how many of the four tools on a row must be covered.
const LEAST: u64 = 3;

/// What covers a row whose name is no namespace of rules here: ids of rules.
const COVERED: &[(&str, &[&str])] = &[
    // Providers.
    (
        "database-uri",
        &[
            "url.password",
            "url.password-slash",
            "connection.password",
            "jdbc.oracle-password",
        ],
    ),
    ("droneci", &["drone.token"]),
    ("hashicorp", &["vault.token", "terraform.token"]),
    (
        "postgres",
        &["url.password", "url.password-slash", "pgpass.password"],
    ),
    (
        "privatekey",
        &[
            "pem.private-key",
            "pgp.private-key",
            "putty.private-key",
            "pem.base64",
        ],
    ),
    ("sendinblue", &["brevo.key"]),
    ("travisci", &["travis.token"]),
    // Kinds of personal data.
    (
        "Australia TFN / Medicare / ABN / ACN",
        &["au.tfn", "au.medicare"],
    ),
    ("Brazil CPF/CNPJ/RG", &["br.cpf", "br.cnpj", "br.rg"]),
    ("Canada SIN", &["ca.sin"]),
    ("Finland HETU", &["fi.hetu"]),
    ("France NIR / NIF / CNI", &["fr.nir", "fr.spi", "fr.cni"]),
    (
        "Germany tax id / ID card / SVNR",
        &["de.tax-id", "de.id-card", "de.rvnr", "de.kvnr"],
    ),
    ("IBAN", &["pii.iban", "pii.iban-context"]),
    ("IP address", &["pii.ipv4", "pii.ipv6"]),
    (
        "India Aadhaar / PAN / voter / GSTIN",
        &["in.aadhaar", "in.pan", "in.voter"],
    ),
    ("Italy fiscal code / ID", &["it.codice-fiscale"]),
    ("MAC address", &["pii.mac"]),
    ("Poland PESEL", &["pl.pesel"]),
    ("Singapore NRIC/FIN", &["sg.nric"]),
    ("Spain DNI/NIF/NIE/NUSS", &["es.nif", "es.nuss"]),
    ("Sweden personnummer", &["se.personnummer"]),
    ("UK NHS", &["gb.nhs"]),
    ("VIN", &["pii.vin"]),
    ("licence plate", &["pii.licence-plate"]),
    ("UK NINO", &["gb.nino"]),
    ("UK UTR / electoral roll", &["gb.utr"]),
    ("US ITIN / PTIN / ATIN / EIN", &["pii.itin-us", "us.tin"]),
    ("US SSN", &["pii.ssn-us", "pii.ssn-us-context"]),
    (
        "US health: NPI, DEA, MBI, HICN",
        &["us.npi", "us.dea", "us.mbi"],
    ),
    ("bank account / routing (US)", &["us.bank-account"]),
    ("date of birth", &["pii.birth-date"]),
    ("driving licence", &["pii.driving-licence"]),
    ("e-mail", &["pii.email", "pii.email-role"]),
    ("passport", &["pii.passport"]),
    ("payment card number", &["pii.card", "pii.card-context"]),
    ("phone", &["pii.phone", "pii.phone-context"]),
    (
        "private keys",
        &["pem.private-key", "pgp.private-key", "putty.private-key"],
    ),
];

/// Rows without a rule, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "URL / domain",
        "an address of a machine that logs are made of; credentials and personal data inside are found",
    ),
    (
        "names, places, organisations (ML)",
        "no form: what a model finds, not a rule",
    ),
    (
        "postcode",
        "a place where many live, and of a form that any number has",
    ),
];

/// Checks every row of the corpus's list. Prints what is missing, and the sum.
///
/// # Errors
/// The list or the rules cannot be read, or the list holds no row.
pub(super) fn check(corpus: &Path) -> Result<bool> {
    let list = std::fs::read_to_string(corpus.join("families.md"))
        .context("cannot read the corpus's families.md")?;
    let ids = ids()?;
    let mut faults = unknown_ids(&ids);
    let (mut covered, mut left_out) = (0, 0);
    for (name, tools) in rows(&list) {
        if tools < LEAST {
            continue;
        }
        if is_covered(&name, &ids) {
            covered += 1;
        } else if LEFT_OUT.iter().any(|(row, _)| *row == name) {
            left_out += 1;
        } else {
            faults.push(format!(
                "`{name}` is covered by {tools} tools and has no rule here"
            ));
        }
    }
    if covered == 0 {
        bail!("the corpus's families.md holds no row that is covered here");
    }
    for fault in &faults {
        println!("MISSING {fault}");
    }
    println!(
        "of the providers and kinds that {LEAST} tools or more cover, {covered} have a rule and {left_out} a reason for having none"
    );
    Ok(faults.is_empty())
}

fn is_covered(name: &str, ids: &BTreeSet<String>) -> bool {
    COVERED.iter().any(|(row, _)| *row == name)
        || ids.iter().any(|id| {
            id.split_once('.')
                .is_some_and(|(namespace, _)| namespace == name)
        })
}

/// Rules that the table above names and that are not there.
fn unknown_ids(ids: &BTreeSet<String>) -> Vec<String> {
    let named = COVERED
        .iter()
        .flat_map(|(row, rules)| rules.iter().map(move |rule| (row, rule)));
    named
        .filter(|(_, rule)| !ids.contains(**rule))
        .map(|(row, rule)| format!("`{row}` is said to be covered by `{rule}`, which is no rule"))
        .collect()
}

/// Name and number of tools of each row: the second cell is a number (a table's head has words there).
fn rows(list: &str) -> Vec<(String, u64)> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        Some((cells.next()?.to_owned(), cells.next()?.parse().ok()?))
    };
    list.lines().filter_map(row).collect()
}

/// The ids of all rules in the packs.
fn ids() -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    let mut folders = vec![root().join("policies")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).context("cannot read the policies")? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "policy.toml") {
                let text = std::fs::read_to_string(&path).context("cannot read a pack")?;
                let id =
                    |line: &str| Some(line.strip_prefix("id = \"")?.strip_suffix('"')?.to_owned());
                ids.extend(text.lines().filter_map(id).filter(|id| id.contains('.')));
            }
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_rules_that_are_there() {
        assert_eq!(unknown_ids(&ids().unwrap()), Vec::<String>::new());
    }

    #[test]
    fn rows_are_read() {
        let list = "| provider | tools | x |\n|---|---|---|\n| azure | 4 | 1 |\n| UK NHS | 3 | - |\ntext | 4 |\n";
        assert_eq!(
            rows(list),
            [("azure".to_owned(), 4), ("UK NHS".to_owned(), 3)]
        );
    }

    #[test]
    fn what_has_no_rule_is_not_covered() {
        let ids = BTreeSet::from(["azure.key".to_owned()]);
        assert!(is_covered("azure", &ids) && is_covered("hashicorp", &ids));
        assert!(!is_covered("azur", &ids) && !is_covered("nobody", &ids));
    }
}
