//! The cuts that hold a given mass: the same answers that the definition gives, sooner.
//!
//! # How a cut is found
//!
//! By definition, [`nucleus`](nucleus()) sorts the members, adds weights from the largest down, and stops where the goal is reached: the
//! cut is the
//! largest value v whose `mass(Band::from(v))` is at least the target. The search gets there with one look at each value and almost
//! no sorting, in five steps: **sample → bracket → one pass → cut → the prescribed sums**.
//!
//! The example has 12 values where a real row has 128,000, spans of 4 where real ones have 256, and shows weights `e^(x − max)` in
//! place of the values x. The goal is a share of 0.8.
//!
//! ```text
//! span 0   1.00  .10  .02  .05        its largest: 1.00
//! span 1    .40  .03  .30  .01                      .40
//! span 2    .20  .04  .08  .02                      .20        all together 2.25, so the target is 1.80
//! ```
//!
//! 1. **Sample** ([`sample`]). The largest value of each span is known from the first scan of the row (the *heads*: 1.00, .40, .20,
//!    together 1.60). Of the others a few rows are looked at, here one value in three: .05, .01, .08, each of which stands for three.
//!    They estimate the mass: 1.60 + 3 · .14 = 2.02.
//! 2. **Bracket** ([`sample::Sample::bracket`]). Below the cut there should be (1 − .8) · 2.02 ≈ .40. In the sample there is .03
//!    below .05, .18 below .08, .42 below .20, .62 below .40 and 1.02 below 1.00; the estimate's deviation is
//!    √(.15² + .03² + .24²) ≈ .28. With one deviation to spare on either side (in earnest 2.5, and 6 if that fails) the cut is
//!    from lo = .05 up (.03 < .40 − .28) and below hi = 1.00 (1.02 > .40 + .28).
//! 3. **One pass** ([`found`]). Every value is weighed once. Three sums come out, quick ones in which four weights are first added in
//!    `f32`, and a list: *total* 2.25; *outside*, below lo, .12; the *list* of what is in the bracket, .10 .05 .40 .30 .20 .08, which
//!    weighs 1.13. So from hi up, *inside*, there is 2.25 − .12 − 1.13 = 1.00.
//! 4. **Cut** ([`list::List::cut`]). The target is .8 · 2.25 = 1.80, and 1.00 of it is inside. A member of the list is tried, say
//!    .20: above it are .40 and .30, that makes 1.70, too little; with it 1.90, enough. So .20 is the cut. Had it been too little or
//!    too much, the list would have been halved there, and another member tried.
//! 5. **The prescribed sums.** The sums were quick, within [`bounds`](super::bounds) of the prescribed ones, here 3e-7. The cut would be
//!    another one only if the target were that near to 1.70 or 1.90. It isn't, so nothing more is summed: the answer is that of
//!    the definition. Else [`mass`](super::mass) is taken of the whole row and of what is inside, the list is cut again, and
//!    `CutSearch::certain` compares the neighbours of the cut, each by its prescribed sum.
//!
//! A look at the sample may say that few values hold the target. Then the pass only sums; the list is copied from those spans
//! whose largest value is in the bracket. Where a sample doesn't pay (a short row, a list, a band), or both brackets miss,
//! `CutSearch::anywhere` lists all members and starts at step 4.
//!
//! [`typical`](typical()) is the same search in another order: not the largest values first, but the nearest to the mean. What the pass
//! found
//! also tells the sum of each block of what is kept ([`Kept`]), and [`pick_among`](pick_among()) draws by these, as long as they can tell.
//!
//! # Files
//!
//! [`nucleus`](mod@nucleus) and [`typical`](mod@typical) start a search; [`search`] has what both share; [`sample`] and [`estimate`] are
//! steps 1 and 2, [`found`] and
//! [`rough`] step 3, [`list`] step 4.

mod estimate;
mod found;
mod list;
mod nucleus;
mod pick_among;
mod room;
mod rough;
mod sample;
mod search;
mod typical;

pub use found::Kept;
pub use nucleus::nucleus;
pub use pick_among::pick_among;
pub use search::Goal;
pub use typical::typical;
