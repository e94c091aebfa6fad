using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Quorate.Raft;

/// <summary>
/// Assertions, which stay on in release builds: a core that goes on after one would spread damage to other members.
/// </summary>
internal static class Invariant
{
    public static void Require([DoesNotReturnIf(false)] bool condition, string message)
    {
        if (!condition)
        {
            throw new RaftFatalException(message);
        }
    }

    public static void Require(
        [DoesNotReturnIf(false)] bool condition,
        [InterpolatedStringHandlerArgument(nameof(condition))] ref InvariantMessage message)
    {
        if (!condition)
        {
            throw new RaftFatalException(message.ToString());
        }
    }
}
