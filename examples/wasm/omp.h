/* What ladder.h asks of OpenMP beside its one pragma; threads.c has it. Only for the page with threads. */
int omp_get_thread_num(void);
int omp_get_max_threads(void);
