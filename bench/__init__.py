"""Speed and memory, as ratios within one run, with the correctness check beside each number."""
