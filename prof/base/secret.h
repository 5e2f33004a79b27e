/* Passwords in command lines, which are kept and shown: taken out before they go anywhere. Knows the forms in which
 * clients of databases take them: URLs with user:password@, password=… among other words or parameters, and SQL's
 * PASSWORD '…'; as words or as a JSON list of arguments, which stays one. In doubt it takes too much. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

/* Each password in `text` becomes three stars, in place; texts only get shorter or stay as long, so a password shorter than three
 * letters becomes as many stars as it has letters. How many there were. */
int secret_hide(char *text);

#endif
