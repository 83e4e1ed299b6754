#![no_main]

#[macro_use]
mod limited;

limited!(tokpick_fuzz::text);
