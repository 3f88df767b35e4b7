//! Lines that only say what the next ones have in common, such as `FRUITS` above apples and pears.

use super::grid::Line;

/// Whether lines of one cell at the left edge are labels broken over two lines rather than groups: nearly each is
/// followed by exactly one line of more cells.
pub(super) fn are_wrapped(lines: &[Line<'_>], stub: u32) -> bool {
    let (mut n_labels, mut n_single, mut since) = (0_usize, 0_usize, None::<usize>);
    for line in lines.iter().take(2_000) {
        if line.is_only(stub) {
            n_single += usize::from(since == Some(1));
            n_labels += usize::from(since.is_none_or(|n| n > 0));
            since = Some(0);
        } else if let Some(n) = &mut since {
            *n += 1;
        }
    }
    n_single += usize::from(since == Some(1));
    n_labels > 2 && n_single * 4 >= n_labels * 3
}
