// What the sketch uses of <Arduino.h>, as the reference of the language declares it.
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stdint.h>

#define F_CPU 64000000L

extern "C" {
unsigned long micros(void);
void delay(unsigned long ms);
void delayMicroseconds(unsigned int us);
}

struct Print {
    void begin(unsigned long baud);
    unsigned print(const char text[]);
    unsigned println(const char text[]);
};
extern Print Serial;

void setup();
void loop();

#endif
