"""Reports for people: pages and their figures, one module per figure, and the recommendation as a file for other trainers."""
