//! Every bad JSON text has its own message: documents, streams, tables.

use super::super::{Layout, Meaning, Open};
use super::{expect, expect_set};

#[test]
fn json_that_is_no_logits() {
    let long = "9".repeat(5000);
    for (text, expected) in [
        ("[]", "x: line 1, step 0: V = 0: the step holds no token"),
        ("[[],[]]", "x: V = 0: the rows of the axes [2, 0] hold no token"),
        ("[\n]", "x: V = 0: the rows of the axes [0] hold no token"),
        ("[[1,2],[3]]", "x: sequence 0, step 1: 1 logits here, 2 in the one before: all must be equal"),
        ("[[1],[3,4]]", "x: sequence 0, step 1: 2 logits here, 1 in the one before: all must be equal"),
        ("[[[1],[2]],[[3]]]", "x: line 1: 1 rows here, 2 in the one before: all must be equal"),
        (
            "[[[1],[2]],[[3],[4,5]]]",
            "x: sequence 1, step 1: 2 logits here, 1 in the one before: all must be equal",
        ),
        ("[[[[1]]]]", "x: line 1: arrays nested deeper than 3; logits are [V], [T, V] or [B, T, V]"),
        ("[1,\"2\"]", "x: line 1, step 0, token 1: a string among the numbers"),
        ("[[1,2],[3,\"4\"]]", "x: sequence 0, step 1, token 1: a string among the numbers"),
        ("[[1,true]]", "x: sequence 0, step 0, token 1: true among the numbers"),
        ("[1,{}]", "x: line 1, step 0, token 1: an object among the numbers"),
        ("[1,x]", "x: line 1, step 0, token 1: 'x' among the numbers"),
        (
            "[1,null]",
            "x: line 1, step 0, token 1: null is not a number; `Open::null_is_masked` reads it as a masked token (-inf)",
        ),
        (
            "[[1],[null]]",
            "x: sequence 0, step 1, token 0: null is not a number; `Open::null_is_masked` reads it as a masked token (-inf)",
        ),
        (
            "[1,[2]]",
            "x: line 1, step 0, token 1: an array among the numbers: all numbers must be nested equally deep",
        ),
        ("[[1],2]", "x: line 1: a number where a row begins: every row is an array"),
        ("[[1],null]", "x: line 1: null where a row begins: every row is an array"),
        ("[1,2", "x: line 1, step 0, token 2: truncated: the JSON text ends in the middle"),
        (
            "[[1,2],\n[3,",
            "x: line 2, sequence 0, step 1, token 1: truncated: the JSON text ends in the middle",
        ),
        ("[[1,2],\n[3,4]\n", "x: line 3: truncated: the JSON text ends in the middle"),
        ("[1,]", "x: line 1, step 0, token 1: a comma with nothing after it"),
        ("[1 2]", "x: line 1, step 0, token 1: not JSON: expected `,` or `]`"),
        ("[01]", "x: line 1, step 0, token 0: not JSON: invalid number"),
        ("[-]", "x: line 1, step 0, token 0: not JSON: invalid number"),
        ("[1.]", "x: line 1, step 0, token 0: not JSON: invalid number"),
        ("[-Inf]", "x: line 1, step 0, token 0: not JSON: expected ident"),
        ("[1] 2", "x: line 1: text after the end of the JSON value"),
        ("[[1],[2]]]", "x: line 1: text after the end of the JSON value"),
        ("[[1]]\n[[2]]\n", "x: line 2: text after the end of the document, which is one JSON value"),
        ("[\n[1]]\n[2]\n", "x: line 3: text after the end of the JSON value"),
        ("{}", "x: line 1: the object has no \"logits\""),
        ("{\"logits\":7}", "x: line 1: a number as \"logits\"; it is an array of numbers"),
        ("{\"logits\":[1],\"logits\":[2]}", "x: line 1: the key \"logits\" stands twice"),
        (
            "{\"logit\":[1]}",
            "x: line 1: unknown key \"logit\"; known are logits, logprobs, probs, ids, prefix, vocab, id, taken, rank",
        ),
        ("{\"logits\":[1],\"vocab\":\"a\"}", "x: line 1: a string as \"vocab\"; it is an array"),
        (
            "{\"logits\":[1],\"vocab\":[1]}",
            "x: line 1: a number as entry 0 of \"vocab\"; token strings are strings",
        ),
        ("{\"logits\":[1,2],\"vocab\":[\"a\"]}", "x: \"vocab\" has 1 strings, the rows have 2 logits"),
        (
            "{\"logits\":[[1,2]],\"vocab\":[\"a\",\"b\",\"c\"]}",
            "x: \"vocab\" has 3 strings, the rows have 2 logits",
        ),
        (
            "{\"logits\":[[1]],\"ids\":[0]}",
            "x: a document holds \"logits\" and \"vocab\"; sparse steps and tables are JSON Lines, one object a line",
        ),
        ("{1:2}", "x: line 1: not JSON: key must be a string"),
        (
            &format!("[{long}]"),
            "x: line 1, step 0, token 0: a number too large for f32; scale the logits down",
        ),
    ] {
        expect(text, expected);
    }
    // However deep: nothing is recursed into.
    let deep = "[".repeat(1_000_000);
    expect(&deep, "x: line 1: arrays nested deeper than 3; logits are [V], [T, V] or [B, T, V]");
    expect(
        format!("[[1,{deep}"),
        "x: sequence 0, step 0, token 1: an array among the numbers: all numbers must be nested equally deep",
    );
}

#[test]
fn lines_that_are_no_steps() {
    for (text, expected) in [
        ("[1,2]\n[3]\n", "x: line 2, step 1: 1 logits here, 2 in the lines before"),
        ("[1]\n\n[\"2\"]\n", "x: line 3, step 1, token 0: a string among the numbers"),
        ("[1]\n[[2]]\n", "x: line 2, step 1: arrays within arrays; in JSON Lines a line is one step, [V]"),
        ("[1]\n[2", "x: line 2, step 1, token 1: truncated: the JSON text ends in the middle"),
        ("[1]\nhello\n", "x: line 2: 'h' where an array of logits, or an object with \"logits\", begins"),
        ("[1]\n7\n", "x: line 2: a number where an array of logits, or an object with \"logits\", begins"),
        (
            "[1]\n{\"prefix\":[],\"logits\":[1]}",
            "x: line 2, step 1: \"prefix\" in a stream of steps: a prefix table has it on every line",
        ),
        (
            "[1]\n{\"vocab\":[\"a\"],\"logits\":[1]}",
            "x: line 2, step 1: \"vocab\" in a stream of steps; give the strings with `Vocab`",
        ),
        (
            "{\"ids\":[0],\"logits\":[1]}\n[1]\n",
            "x: line 2, step 1: dense and sparse steps in one stream; give \"ids\" on every line, or on none",
        ),
        (
            "{\"ids\":[3,1,3],\"logits\":[1,2,3]}",
            "x: line 1, step 0, token 3: the id stands twice in the step",
        ),
        ("{\"ids\":[3,1],\"logits\":[1]}", "x: line 1, step 0: 2 ids, but 1 logits"),
        ("{\"ids\":[],\"logits\":[]}", "x: line 1, step 0: a sparse step without a token"),
        ("{\"ids\":[1]}", "x: line 1: the object has no \"logits\""),
        (
            "{\"ids\":[-1],\"logits\":[1]}",
            "x: line 1: entry 0 of \"ids\" is not a token id: ids are whole numbers from 0",
        ),
        (
            "{\"ids\":[1.5],\"logits\":[1]}",
            "x: line 1: entry 0 of \"ids\" is not a token id: ids are whole numbers from 0",
        ),
        (
            "{\"ids\":[0,4294967296],\"logits\":[1,2]}",
            "x: line 1: entry 1 of \"ids\" is not a token id: ids are whole numbers from 0",
        ),
        (
            "{\"ids\":[0],\"logits\":[1],\"logprobs\":[1]}",
            "x: line 1: two of \"logits\", \"logprobs\" and \"probs\" at once; give one of them",
        ),
        (
            "{\"logprobs\":[1]}",
            "x: line 1, step 0: \"logprobs\" without \"ids\"; give all V of them as \"logits\", or the ids",
        ),
    ] {
        expect(text, expected);
    }
    let five = |open: &mut Open| open.vocab_size = Some(5);
    expect_set(
        b"{\"ids\":[5],\"logits\":[1]}",
        five,
        "x: line 1, step 0, token 5: the id is outside the vocabulary of 5",
    );
    expect_set(b"[1,2]\n", five, "x: line 1, step 0: 2 logits here, `Open::vocab_size` is 5");
    expect_set(b"[[1,2]]", five, "vocab_size 5: the rows of x have 2 logits");
    expect_set(b"[[1,2]]", |open| open.vocab_size = Some(0), "vocab_size 0: the rows of x have 2 logits");
}

#[test]
fn tables_that_are_none() {
    for (text, expected) in [
        (
            "{\"prefix\":[],\"logits\":[1,2]}\n{\"prefix\":[1],\"logits\":[1,2]}\n{\"prefix\":[1],\"logits\":[3,4]}\n",
            "x: line 3: the prefix [1] stands twice in the table",
        ),
        (
            "{\"prefix\":[],\"logits\":[1,2]}\n{\"prefix\":[1,2],\"logits\":[1,2]}\n",
            "x: line 2: the prefix [1, 2] holds the id 2, outside the vocabulary of 2",
        ),
        (
            "{\"prefix\":[],\"logits\":[1,2]}\n{\"prefix\":[1],\"logits\":[1]}\n",
            "x: line 2: 1 logits here, the lines before have 2",
        ),
        ("{\"prefix\":[],\"logits\":[]}\n", "x: line 1: V = 0: the row holds no token"),
        ("{\"prefix\":[],\"logits\":[1]}\n[1]\n", "x: line 2: a line of a prefix table without \"prefix\""),
        (
            "{\"prefix\":[],\"logits\":[[1]]}\n",
            "x: line 1: arrays within arrays; a line of a prefix table is one row, [V]",
        ),
        (
            "{\"prefix\":[-1],\"logits\":[1]}\n",
            "x: line 1: entry 0 of \"prefix\" is not a token id: ids are whole numbers from 0",
        ),
        ("{\"prefix\":[]}\n", "x: line 1: the object has no \"logits\""),
        (
            "{\"prefix\":[],\"logits\":[1,\n",
            "x: line 2, step 0, token 1: truncated: the JSON text ends in the middle",
        ),
        (
            "{\"prefix\":[],\"logits\":[1]}\n{\"prefix\":[0],\"logits\":[\"a\"]}\n",
            "x: line 2, token 0: a string among the numbers",
        ),
    ] {
        expect(text, expected);
    }
    let table = b"{\"prefix\":[],\"logits\":[1]}\n";
    expect_set(
        table,
        |open| open.rows = "0..1".parse().ok(),
        "rows 0..1: selects steps, and a prefix table has none",
    );
    expect_set(
        table,
        |open| open.layout = Some(Layout::Tv),
        "layout tv: is for steps, and a prefix table has none",
    );
    expect_set(
        table,
        |open| open.vocab_size = Some(5),
        "x: line 1: 1 logits here, `Open::vocab_size` says 5",
    );
    expect_set(
        table,
        |open| open.kind = Meaning::Bigram,
        "source bigram: x is a prefix table; a bigram matrix is [V, V]",
    );
}
