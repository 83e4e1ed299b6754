//! A target under an allocator that refuses more than a small multiple of the input.

/// Makes a function of bytes the target: it gets 64 MiB, and 4 KiB for each byte (what is compressed may grow a thousandfold).
macro_rules! limited {
    ($run:path) => {
        #[global_allocator]
        static MEMORY: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            let most = (64 << 20) + (data.len() << 12);
            MEMORY.set_limit(MEMORY.allocated() + most).expect("more than what is allocated");
            $run(data);
            MEMORY.set_limit(usize::MAX).expect("no limit");
        });
    };
}
