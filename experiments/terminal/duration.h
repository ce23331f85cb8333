/* duration.h: seconds as people say them. */
#ifndef EXPERIMENTS_TERMINAL_DURATION_H
#define EXPERIMENTS_TERMINAL_DURATION_H

/* "under 1 s", "40 s", "3 min", "2 h 10 min", "5 days" */
void duration_text(double seconds, char out[32]);

#endif
