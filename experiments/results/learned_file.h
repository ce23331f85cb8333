/* learned_file.h: which file of a point's folder holds what it has learned. */
#ifndef EXPERIMENTS_RESULTS_LEARNED_FILE_H
#define EXPERIMENTS_RESULTS_LEARNED_FILE_H

/* Their names one after the other, a folder has at most one of them; NULL behind the last. */
const char *learned_file_name(int index);

#endif
