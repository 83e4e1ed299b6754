//! Pipes and live streams: forward only, as they come, a place can be asked for again.

use std::io::{self, Read};
use std::sync::mpsc;

use super::super::{Access, Layout, Open, Query, Steps};
use super::{all, f32s, npy, pipe, row};

/// A reader that fails the test when it is read beyond what was sent: a live stream would hang there.
struct Live(mpsc::Receiver<Vec<u8>>);

impl Read for Live {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let text = self.0.try_recv().map_err(|_| io::Error::other("read ahead of what was sent"))?;
        bytes[..text.len()].copy_from_slice(&text);
        Ok(text.len())
    }
}

#[test]
fn a_line_is_delivered_as_soon_as_it_arrives() {
    for first in ["[1,2]\n", "{\"logits\":[1,2]}\n"] {
        let (send, receive) = mpsc::channel();
        send.send(first.into()).expect("sent");
        let mut source = Open::new("-").read(Live(receive)).expect("the first line is enough");
        assert_eq!(row(&mut *source, 0, 0).expect("step 0").logits, [1.0, 2.0]);
        for part in ["\n[3", ",4]\n[5,"] {
            send.send(part.into()).expect("sent");
        }
        assert_eq!(row(&mut *source, 0, 1).expect("step 1").logits, [3.0, 4.0]);
        let ahead = row(&mut *source, 0, 2).expect_err("the line is not complete");
        assert_eq!(ahead.to_string(), "standard input: read ahead of what was sent");
    }
}

#[test]
fn a_row_of_a_pipe_is_delivered_as_soon_as_it_arrives() {
    let bytes = npy(1, "'<f4'", false, "(3, 2)", &f32s(&[1.0, 2.0, 3.0, 4.0]));
    let (send, receive) = mpsc::channel();
    send.send(bytes).expect("sent");
    let mut source = Open::new("-").read(Live(receive)).expect("the header is enough");
    assert_eq!(row(&mut *source, 0, 1).expect("step 1").logits, [3.0, 4.0]);
    assert!(row(&mut *source, 0, 2).is_err());
}

#[test]
fn the_place_can_be_asked_for_again_and_what_has_passed_cannot() {
    for input in [npy(1, "'<f4'", false, "(3, 1)", &f32s(&[0.0, 1.0, 2.0])), b"[0]\n[1]\n[2]\n".to_vec()] {
        let mut source = pipe(&input, |_| {}).expect("steps");
        assert_eq!(source.shape().access, Access::ByStep);
        let at = |step| Query { sequence: 0, step, context: &[], prompt_len: 0 };
        let mut rows = Vec::new();
        source.rows(&[at(1), at(1), at(2), at(2)], &mut rows).expect("rows");
        assert_eq!(rows.iter().map(|row| row.logits[0]).collect::<Vec<_>>(), [1.0, 1.0, 2.0, 2.0]);
        source.rows(&[at(2)], &mut rows).expect("the same place");
        assert_eq!((rows.len(), rows[0].logits[0]), (1, 2.0));
        assert!(row(&mut *source, 0, 3).expect("the end is no error").ended);
        assert_eq!(
            row(&mut *source, 0, 0).expect_err("passed").to_string(),
            "x: sequence 0, step 0: has passed already: the input can only be read forward; save it to a file first"
        );
    }
}

#[test]
fn the_sequences_of_a_step_come_in_any_order() {
    let batch = npy(1, "'<f4'", false, "(2, 3, 1)", &f32s(&[0.0, 1.0, 2.0, 10.0, 11.0, 12.0]));
    let mut source = pipe(&batch, |open| open.layout = Some(Layout::Tbv)).expect("a batch");
    assert_eq!(source.shape().access, Access::ByStep);
    for (sequence, step, logit) in
        [(2, 0, 2.0), (0, 0, 0.0), (2, 0, 2.0), (1, 1, 11.0), (0, 1, 10.0), (2, 1, 12.0)]
    {
        assert_eq!(row(&mut *source, sequence, step).expect("a row").logits, [logit]);
    }
    assert!(row(&mut *source, 0, 0).is_err());
    let by_sequence = pipe(&batch, |_| {}).expect("a batch");
    assert_eq!(by_sequence.shape().access, Access::BySequence);
}

#[test]
fn sparse_steps_are_sorted_and_know_their_vocabulary() {
    let text = b"{\"ids\":[7,2],\"logprobs\":[-1.5,-0.5]}\n{\"logits\":[3,4],\"ids\":[0,1]}\n";
    let mut source = pipe(text, |_| {}).expect("steps");
    assert_eq!(source.shape().vocab, None);
    let first = row(&mut *source, 0, 0).expect("step 0");
    assert_eq!(
        (first.ids.as_deref(), &first.logits[..], first.vocab),
        (Some(&[2, 7][..]), &[-0.5, -1.5][..], 8)
    );
    let second = row(&mut *source, 0, 1).expect("step 1");
    assert_eq!((second.ids.as_deref(), second.vocab), (Some(&[0, 1][..]), 8));
    let mut source = pipe(text, |open| open.vocab_size = Some(10)).expect("steps");
    assert_eq!(row(&mut *source, 0, 0).expect("step 0").vocab, 10);
}

#[test]
fn a_stream_can_be_collected() {
    let batch = npy(1, "'<f4'", false, "(2, 3, 1)", &f32s(&[0.0, 1.0, 2.0, 10.0, 11.0, 12.0]));
    for layout in [Layout::Btv, Layout::Tbv] {
        let open = || pipe(&batch, |open| open.layout = Some(layout)).expect("a batch");
        let mut collected = Steps::collect(&mut *open()).expect("all rows");
        assert_eq!(all(&mut collected).expect("rows"), all(&mut *open()).expect("rows"));
    }
    let mut lines = pipe(b"[1]\n[2]\n", |_| {}).expect("steps");
    assert_eq!(Steps::collect(&mut *lines).and_then(|mut s| all(&mut s)).expect("rows").len(), 2);
}
