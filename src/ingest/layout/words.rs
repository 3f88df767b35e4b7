//! The words by which a row says that it sums up others.

use super::grid::without_mark;

/// What a row claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) enum Claim {
    Sum,
    Mean,
}

/// How much a label says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// A word for a total within other words: `Total valid votes`.
    Within,
    /// It begins or ends the label: `Total 19 nations`, `ATL Total`.
    AtEdge,
    /// The label is nothing else.
    Alone,
}

const SUMS: &[&str] = &[
    "total",
    "totals",
    "grand total",
    "grand totals",
    "subtotal",
    "sub-total",
    "sub total",
    "subtotals",
    "overall total",
    "total sum",
    "sum",
    "sum total",
    "overall",
    "all",
    "in all",
    "world",
    "totaal",
    "subtotaal",
    "summe",
    "gesamt",
    "gesamtsumme",
    "insgesamt",
    "zwischensumme",
    "endsumme",
    "gesamtergebnis",
    "totale",
    "totaux",
    "total général",
    "total general",
    "sous-total",
    "somme",
    "ensemble",
    "suma",
    "total geral",
    "soma",
    "somma",
    "totale generale",
    "razem",
    "ogółem",
    "łącznie",
    "итого",
    "всего",
    "сумма",
    "разом",
    "усього",
    "summa",
    "totalt",
    "i alt",
    "yhteensä",
    "celkem",
    "součet",
    "spolu",
    "összesen",
    "ukupno",
    "skupaj",
    "kokku",
    "kopā",
    "iš viso",
    "toplam",
    "genel toplam",
    "σύνολο",
    "المجموع",
    "الإجمالي",
    "סה\"כ",
    "योग",
    "कुल",
    "jumlah",
    "tổng",
    "tổng cộng",
    "รวม",
    "合計",
    "小計",
    "総計",
    "計",
    "总计",
    "合计",
    "小计",
    "總計",
    "합계",
    "소계",
    "총계",
    "계",
];

const MEANS: &[&str] = &[
    "average",
    "averages",
    "avg",
    "avg.",
    "mean",
    "overall average",
    "total average",
    "durchschnitt",
    "mittelwert",
    "mittel",
    "schnitt",
    "moyenne",
    "promedio",
    "media",
    "média",
    "gemiddelde",
    "medel",
    "medelvärde",
    "genomsnitt",
    "gennemsnit",
    "gjennomsnitt",
    "keskiarvo",
    "średnia",
    "průměr",
    "átlag",
    "prosjek",
    "среднее",
    "в среднем",
    "ortalama",
    "μέσος όρος",
    "المتوسط",
    "rata-rata",
    "trung bình",
    "平均",
    "平均值",
    "평균",
];

/// What a label says of its row.
pub(super) fn word(label: &str) -> Option<(Word, Claim)> {
    let label = without_mark(label.trim()).to_lowercase();
    if label.chars().count() > 60 {
        return None;
    }
    let bare = label.trim_matches(|c: char| !c.is_alphanumeric() && c != '"' && c != '.').trim_end_matches('.');
    for (words, claim) in [(SUMS, Claim::Sum), (MEANS, Claim::Mean)] {
        if words.contains(&bare) {
            // These have other meanings as well.
            let is_weak = matches!(
                bare,
                "all" | "overall" | "ensemble" | "media" | "mean" | "mittel" | "sum" | "world" | "计" | "計" | "계"
            );
            return Some((if is_weak { Word::AtEdge } else { Word::Alone }, claim));
        }
    }
    // `Average (valid votes)`
    if let Some((front, _)) = bare.split_once('(')
        && let Some((_, claim)) =
            [(SUMS, Claim::Sum), (MEANS, Claim::Mean)].into_iter().find(|it| it.0.contains(&front.trim()))
    {
        return Some((Word::AtEdge, claim));
    }
    let tokens: Vec<&str> =
        bare.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|it| !it.is_empty()).collect();
    let (first, last) = (tokens.first()?, tokens.last()?);
    let is_sum = |token: &&str| token.chars().count() > 2 && SUMS.contains(token) && !matches!(*token, "sum" | "media");
    let is_mean = |token: &&str| token.chars().count() > 3 && MEANS.contains(token);
    let is_strong = |token: &&str| is_sum(token) && !matches!(*token, "all" | "overall" | "world");
    if is_strong(first) || is_strong(last) {
        Some((Word::AtEdge, Claim::Sum))
    } else if is_mean(last) && tokens.len() < 3 {
        Some((Word::AtEdge, Claim::Mean))
    } else if tokens.iter().any(is_sum) {
        Some((Word::Within, Claim::Sum))
    } else {
        tokens.iter().any(is_mean).then_some((Word::Within, Claim::Mean))
    }
}
