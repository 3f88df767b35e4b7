//! Names of columns whose digits name something, and of those whose digits count the rows.

/// Whole words of a name that say: what stands below is a code, whatever it looks like.
const CODES: [&str; 35] = [
    "phone",
    "telephone",
    "tel",
    "telefon",
    "telefono",
    "teléfono",
    "téléphone",
    "telefone",
    "telefoon",
    "fax",
    "zip",
    "zipcode",
    "postcode",
    "postal",
    "plz",
    "postleitzahl",
    "cep",
    "iban",
    "bic",
    "ssn",
    "isbn",
    "issn",
    "ean",
    "gtin",
    "upc",
    "barcode",
    "imei",
    "sku",
    "npi",
    "cusip",
    "isin",
    "fips",
    "version",
    "uuid",
    "guid",
];

/// Names that head the numbers of the rows.
const COUNTERS: [&str; 14] =
    ["#", "no", "no.", "num", "nr", "nr.", "n°", "nº", "№", "rank", "place", "pos", "draw", "row"];

/// Whether a column of this name holds codes.
pub(super) fn names_codes(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).any(|word| CODES.contains(&word))
}

/// Whether a column of this name numbers the rows.
pub(super) fn names_a_counter(name: &str) -> bool {
    COUNTERS.contains(&name.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known_by_the_words_of_their_names() {
        for name in ["Phone", "phone_number", "ZIP Code", "Tel.", "PLZ"] {
            assert!(names_codes(name), "{name}");
        }
        for name in ["zipped", "price", "telescope", "recap", "n", "cells"] {
            assert!(!names_codes(name), "{name}");
        }
        assert!(names_a_counter(" No. ") && names_a_counter("#") && !names_a_counter("number of items"));
    }
}
