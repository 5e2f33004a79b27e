/* C++'s operators. Private to prof/agent. */
#ifndef AGENT_MEM_NEW_H
#define AGENT_MEM_NEW_H

/* Finds what is behind them; once, before threads are made. */
void mem_new_find(void);

#endif
