//! Names of worksheets: at most 31 characters, different whatever their case.

use std::collections::HashSet;

const MAX_UNITS: usize = 31;

/// The titles as a workbook takes them, in their order.
pub(super) fn distinct<'a>(titles: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = HashSet::new();
    // Excel keeps this one for itself.
    taken.insert("history".to_owned());
    titles
        .map(|title| {
            let clean: String = title
                .chars()
                .map(|c| if matches!(c, '[' | ']' | ':' | '*' | '?' | '/' | '\\') { '_' } else { c })
                .collect();
            let clean = if clean.trim_matches('\'').trim().is_empty() { "Sheet" } else { clean.trim_matches('\'') };
            let mut name = cut(clean, MAX_UNITS);
            let mut n = 2_u64;
            while !taken.insert(name.to_lowercase()) {
                let suffix = format!("_{n}");
                name = cut(clean, MAX_UNITS - suffix.len()) + &suffix;
                n += 1;
            }
            name
        })
        .collect()
}

/// The text's start, of at most `most` UTF-16 units.
fn cut(text: &str, most: usize) -> String {
    let mut n_units = 0;
    text.chars()
        .take_while(|c| {
            n_units += c.len_utf16();
            n_units <= most
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_short_clean_and_distinct() {
        let long = "a_name_that_is_longer_than_a_worksheet_takes";
        assert_eq!(
            distinct(["a/b", "A_B", "History", "", long, long].into_iter()),
            [
                "a_b",
                "A_B_2",
                "History_2",
                "Sheet",
                "a_name_that_is_longer_than_a_wo",
                "a_name_that_is_longer_than_a__2"
            ]
        );
    }
}
