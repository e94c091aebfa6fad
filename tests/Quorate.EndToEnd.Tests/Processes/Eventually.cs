namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>Waits for what another process brings about, by asking again until it is so.</summary>
public static class Eventually
{
    /// <summary>Asks until the condition holds; fails with what <paramref name="told"/> says when it does not within the time.</summary>
    public static async Task HoldsAsync(Func<Task<bool>> condition, Func<string> told, int seconds = 60)
    {
        long deadline = Environment.TickCount64 + (seconds * 1000L);
        while (true)
        {
            if (await condition())
            {
                return;
            }

            Assert.True(Environment.TickCount64 < deadline, $"after {seconds} s still not so: {told()}");
            await Task.Delay(50);
        }
    }
}
