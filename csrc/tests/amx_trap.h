// Runs AMX code on a processor without AMX: each tile instruction is an illegal one there; the
// handler decodes it and does it on the model of the tiles. So the machine code itself is tested.
// Linux, x86-64.
#pragma once

#include <signal.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/soft_tiles.h"

namespace edgerun {

class AmxTrap {
 public:
  explicit AmxTrap(TileMachine& machine) {
    machine_ = &machine;
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, &before_);
  }
  ~AmxTrap() { sigaction(SIGILL, &before_, nullptr); }
  AmxTrap(const AmxTrap&) = delete;
  AmxTrap& operator=(const AmxTrap&) = delete;

  static int64_t instructions() { return instructions_; }

 private:
  // What follows the opcode: a ModRM byte, and where it names memory, what that needs.
  struct Operand {
    int reg = 0, rm = 0;
    bool is_memory = false;
    uint64_t address = 0;  // without the index
    uint64_t index = 0;    // scaled; the stride of a tile in memory
    const uint8_t* end = nullptr;
  };

  static uint64_t general(const ucontext_t& context, int number) {
    static constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                       REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                       REG_R12, REG_R13, REG_R14, REG_R15};
    return static_cast<uint64_t>(context.uc_mcontext.gregs[kOrder[number]]);
  }

  static Operand decode(const ucontext_t& context, const uint8_t* at, int r, int x, int b) {
    Operand operand;
    const int modrm = *at++;
    const int mod = modrm >> 6;
    operand.reg = (modrm >> 3 & 7) | r << 3;
    operand.rm = (modrm & 7) | b << 3;
    operand.end = at;
    if (mod == 3) return operand;
    operand.is_memory = true;
    bool has_base = true, relative = false;
    int base = operand.rm;
    if ((modrm & 7) == 4) {
      const int sib = *at++;
      const int index = (sib >> 3 & 7) | x << 3;
      if (index != 4) operand.index = general(context, index) << (sib >> 6);
      base = (sib & 7) | b << 3;
      has_base = !((sib & 7) == 5 && mod == 0);
    } else if ((modrm & 7) == 5 && mod == 0) {
      has_base = false;
      relative = true;
    }
    int64_t displacement = 0;
    if (mod == 1) {
      displacement = static_cast<int8_t>(*at++);
    } else if (mod == 2 || !has_base) {
      int32_t wide = 0;
      std::memcpy(&wide, at, 4);
      displacement = wide;
      at += 4;
    }
    operand.address = static_cast<uint64_t>(displacement);
    if (has_base) operand.address += general(context, base);
    if (relative) operand.address += reinterpret_cast<uint64_t>(at);
    operand.end = at;
    return operand;
  }

  static void handle(int, siginfo_t*, void* raw) {
    auto& context = *static_cast<ucontext_t*>(raw);
    const auto* at = reinterpret_cast<const uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
    const int byte1 = at[1] ^ 0xe0, byte2 = at[2];  // the VEX prefix stores R, X and B inverted
    const int opcode = at[3], prefix = byte2 & 3;   // none, 66, f3, f2
    const Operand operand = decode(context, at + 4, byte1 >> 7 & 1, byte1 >> 6 & 1, byte1 >> 5 & 1);
    const bool is_tile_space =
        at[0] == 0xc4 && (byte1 & 0x1f) == 2 && (byte2 & 0x84) == 0;  // 0F38, W0, 128
    if (!is_tile_space || !perform(operand, opcode, prefix, ~byte2 >> 3 & 15)) {
      std::fprintf(stderr,
                   "an illegal instruction that is none of AMX's: %02x %02x %02x %02x %02x\n",
                   at[0], at[1], at[2], at[3], at[4]);
      std::abort();
    }
    ++instructions_;
    context.uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(operand.end);
  }

  static bool perform(const Operand& operand, int opcode, int prefix, int vvvv) {
    auto* memory = reinterpret_cast<void*>(operand.address);
    const auto stride = static_cast<ptrdiff_t>(operand.index);
    if (opcode == 0x49 && prefix == 0 && operand.is_memory) {
      machine_->configure(reinterpret_cast<const void*>(operand.address + operand.index));
    } else if (opcode == 0x49 && prefix == 0) {
      machine_->release();
    } else if (opcode == 0x49 && prefix == 3 && !operand.is_memory) {
      machine_->zero(operand.reg);
    } else if (opcode == 0x4b && prefix == 3 && operand.is_memory) {
      machine_->load(operand.reg, memory, stride);
    } else if (opcode == 0x4b && prefix == 2 && operand.is_memory) {
      machine_->store(operand.reg, memory, stride);
    } else if (opcode == 0x5e && prefix == 1 && !operand.is_memory) {
      machine_->dot(operand.reg, operand.rm, vvvv);
    } else {
      return false;
    }
    return true;
  }

  static inline TileMachine* machine_ = nullptr;
  static inline struct sigaction before_ = {};
  static inline int64_t instructions_ = 0;
};

}  // namespace edgerun
