//! The ruler of a draw: [0, 1) as a line, cut into the tokens' intervals, and where the uniform fell.

use super::Drawn;
use crate::TokenId;
use crate::render::kit::{Look, Mark, display_width};

/// The line, `width` columns long.
pub fn ruler(drawn: &Drawn, label: impl Fn(TokenId) -> String, width: usize, look: &Look) -> String {
    let width = width.max(3);
    let at = |x: f64| ((x * (width - 1) as f64).round() as usize).min(width - 1);
    let mut cells: Vec<String> = vec![look.mark(Mark::Line).to_string(); width];
    for interval in &drawn.intervals {
        for edge in [interval.from, interval.to] {
            cells[at(edge)] = look.mark(Mark::Bound).to_string();
        }
    }
    cells[0] = look.mark(Mark::Start).to_string();
    cells[width - 1] = look.mark(Mark::End).to_string();
    // inside the interval of the token that was drawn, so that rounding never says otherwise
    let fell = drawn.uniform.zip(drawn.own()).map(|(u, own)| {
        let (from, to) = (at(own.from), at(own.to));
        if to > from + 1 { at(u).clamp(from + 1, to - 1) } else { at(u).clamp(from, to) }
    });
    for interval in &drawn.intervals {
        let (from, to) = (at(interval.from), at(interval.to));
        let text = format!(" {} ", label(interval.id));
        let size = display_width(&text);
        let Some(room) = to.checked_sub(from + 1 + size) else { continue };
        // in the middle, or aside where the uniform fell there
        let places = [room / 2, 0, room].map(|shift| from + 1 + shift);
        let free = |&start: &usize| fell.is_none_or(|f| f < start || f >= start + size);
        let Some(start) = places.into_iter().find(free) else { continue };
        cells[start..start + size].fill(String::new());
        cells[start] = text;
    }
    if let Some(fell) = fell {
        cells[fell] = look.mark(Mark::Draw).to_string();
    }
    cells.concat()
}
