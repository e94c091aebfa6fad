namespace Quorate.Raft.Tests.Properties;

/// <summary>Random schedules of everything that can go wrong around the core.</summary>
public sealed class RandomScheduleTests
{
    [Fact]
    public void All_invariants_hold_under_random_faults_and_the_cluster_comes_to_rest_afterwards()
    {
        int first = int.TryParse(Environment.GetEnvironmentVariable("QUORATE_FIRST_SEED"), out int seed) ? seed : 1;
        int count = int.TryParse(Environment.GetEnvironmentVariable("QUORATE_SEEDS"), out int seeds) ? seeds : 60;
        ulong committed = 0;
        int reads = 0, stalls = 0;
        for (int i = 0; i < count; i++)
        {
            var cluster = new RandomCluster(first + i);
            try
            {
                cluster.Run(4_000);
                stalls += cluster.Heal() ? 0 : 1;
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"seed {first + i}: {failure.Message}", failure);
            }

            committed += cluster.Committed;
            reads += cluster.Reads;
        }

        // A schedule under which nothing happens would prove nothing.
        Assert.True(committed > 100 * (ulong)count, $"only {committed} entries were committed");
        Assert.True(stalls <= 1 + (count / 10), $"{stalls} clusters came to a standstill");
        Assert.True(reads > 5 * count, $"only {reads} reads were answered");
    }
}
