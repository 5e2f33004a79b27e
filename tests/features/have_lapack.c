/* Probe: OpenBLAS with LAPACK. */
extern void dsyevr_(void);
extern void openblas_set_num_threads(int);

int main(void)
{
	openblas_set_num_threads(1);
	return (void *)dsyevr_ == 0;
}
