//! `--view` and `--no-view`: which encoded forms of an input are read as well. What views are lives in `blackbar-carriers`.

use blackbar_carriers::Views;
use clap::Args;
use clap::builder::PossibleValuesParser;

/// Which views differ from what the policy says.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ViewArgs {
    /// Read this encoded form too: base64, hex and quoted_printable are off unless the policy says otherwise
    #[arg(long, value_name = "VIEW", value_parser = PossibleValuesParser::new(Views::NAMES))]
    view: Vec<String>,
    /// Do not read this encoded form
    #[arg(long, value_name = "VIEW", value_parser = PossibleValuesParser::new(Views::NAMES), conflicts_with = "view")]
    no_view: Vec<String>,
}

impl ViewArgs {
    /// The views that there are, where the policy wants `views`.
    pub(crate) fn apply(&self, mut views: Views) -> Views {
        let on = self.view.iter().map(|name| (name, true));
        for (name, on) in on.chain(self.no_view.iter().map(|name| (name, false))) {
            if let Some(view) = views.named(name) {
                *view = on;
            }
        }
        views
    }
}

/// `views` as plugin configuration.
pub(crate) fn as_json(mut views: Views) -> serde_json::Value {
    Views::NAMES
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), (*views.named(name)?).into())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
