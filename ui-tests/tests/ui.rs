//! Each file under `pass/` compiles and runs; each under `fail/` doesn't compile, with just the words beside it.

#[test]
fn what_is_legal_compiles_and_runs() {
    trybuild::TestCases::new().pass("pass/*.rs");
}

#[test]
fn what_does_not_fit_together_is_refused_in_the_words_of_its_file() {
    trybuild::TestCases::new().compile_fail("fail/*/*.rs");
}
