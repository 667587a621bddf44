//! Numbers that issuers define: national and tax ids, health and driving licence numbers, accounts, wallets. Which numbers
//! there are, by name; each is judged by its length, its parts and its check digits.
//!
//! The formulas that several issuers share live in [`formula`], the numbers of an issuer with its region. Patterns say what a
//! number looks like and where it stands; here only its letters and digits count.

mod africa_asia;
mod americas;
mod europe;
mod finance;
mod formula;
mod generic;
mod wallet;

pub(crate) use formula::Plain;

/// A kind of number.
#[derive(Clone, Copy)]
pub struct Number {
    /// The name by which a policy asks for it: `br-cpf`.
    pub name: &'static str,
    judge: Judge,
}

#[derive(Clone, Copy)]
enum Judge {
    /// Looks at letters and digits only.
    Plain(fn(&Plain) -> bool),
    /// Looks at every byte, because case or length matter.
    Bytes(fn(&[u8]) -> bool),
}

const fn plain(name: &'static str, judge: fn(&Plain) -> bool) -> Number {
    Number {
        name,
        judge: Judge::Plain(judge),
    }
}

const fn bytes(name: &'static str, judge: fn(&[u8]) -> bool) -> Number {
    Number {
        name,
        judge: Judge::Bytes(judge),
    }
}

const TABLES: [&[Number]; 6] = [
    africa_asia::NUMBERS,
    americas::NUMBERS,
    europe::NUMBERS,
    finance::NUMBERS,
    generic::NUMBERS,
    wallet::NUMBERS,
];

impl Number {
    /// Every kind there is.
    pub fn all() -> impl Iterator<Item = &'static Number> {
        TABLES.iter().copied().flatten()
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<&'static Number> {
        Number::all().find(|number| number.name.as_bytes() == name)
    }

    /// Whether `value` is such a number. Separators are skipped, and case does not matter where the number's own rules say nothing else.
    ///
    /// # Panics
    /// Never, for any input.
    /// # Cost
    /// Linear in `value`; no allocation.
    #[must_use]
    pub fn holds(&self, value: &[u8]) -> bool {
        match self.judge {
            Judge::Plain(judge) => Plain::new(value).is_some_and(|number| judge(&number)),
            Judge::Bytes(judge) => judge(value),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.name == other.name
    }
}

impl Eq for Number {}

impl core::fmt::Debug for Number {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Number").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests;
