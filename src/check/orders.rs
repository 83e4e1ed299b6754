//! The orders in which stages may have been applied.

/// Stages of which every order is tried: 5! = 120.
const ALL_ORDERS: usize = 5;

/// Orders of `n` stages, the given one first: all of them up to 5 stages; above that those in which one stage stands elsewhere.
///
/// ```
/// use tokpick::check::orders;
/// assert_eq!(orders(3).len(), 6);
/// assert_eq!(orders(3)[0], [0, 1, 2]);
/// assert_eq!(orders(6).len(), 1 + 5 * 5);
/// ```
pub fn orders(n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![(0..n).collect::<Vec<usize>>()];
    if n > ALL_ORDERS {
        for from in 0..n {
            for to in 0..n {
                let mut order: Vec<usize> = (0..n).collect();
                let stage = order.remove(from);
                order.insert(to, stage);
                if !all.contains(&order) {
                    all.push(order);
                }
            }
        }
        return all;
    }
    // the next order in the dictionary's sense, from the given one on
    while let Some(next) = all.last().and_then(|last| following(last)) {
        all.push(next);
    }
    all
}

fn following(order: &[usize]) -> Option<Vec<usize>> {
    let mut next = order.to_vec();
    let at = next.windows(2).rposition(|pair| pair[0] < pair[1])?;
    let with = next.iter().rposition(|&x| x > next[at])?;
    next.swap(at, with);
    next[at + 1..].reverse();
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_once() {
        for (n, count) in [(0, 1), (1, 1), (2, 2), (4, 24), (5, 120), (7, 37)] {
            let all = orders(n);
            assert_eq!(all.len(), count, "{n}");
            assert_eq!(all[0], (0..n).collect::<Vec<_>>());
            for (i, order) in all.iter().enumerate() {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, all[0], "{order:?} is no order");
                assert!(!all[..i].contains(order), "{order:?} twice");
            }
        }
    }
}
