/* version.h: the version of the library and the program. */
#ifndef COOP_VERSION_H
#define COOP_VERSION_H

#define COOP_VERSION "0.11.0"

#endif
